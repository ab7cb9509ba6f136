"""Plans that run rules over arrays on the host and on devices, and the layouts of arrays."""
