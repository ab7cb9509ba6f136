"""The checks, in a module for each thing that they are about; a new module is found by being here."""
