"""The checks, one module per topic. New modules in this folder are found automatically."""
