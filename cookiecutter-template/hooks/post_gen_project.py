"""Take away what was not asked for."""

import shutil

if "{{ cookiecutter.ci }}" == "none":
    shutil.rmtree(".github")
