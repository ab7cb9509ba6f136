"""Needs a module that is nowhere."""

import a_module_that_is_nowhere
