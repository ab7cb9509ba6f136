"""Plans over arrays on the host and on devices, and how arrays lie."""
