"""Refuse invalid answers before any file is written."""

import re
import sys

rules = {{ cookiecutter._rules | jsonify }}
answers = [{% for name in cookiecutter._rules | sort %}{{ cookiecutter[name] | jsonify }}, {% endfor %}]

# In reverse, to check the name before the class, which may be derived from it.
for answer, (name, (pattern, requirement, example)) in reversed([*zip(answers, rules.items(), strict=True)]):
    if not re.fullmatch(pattern, answer):
        sys.exit(f"{name} {requirement}: such as {example}, got {answer!r}")
