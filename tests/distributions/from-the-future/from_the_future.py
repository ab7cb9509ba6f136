"""Must never be imported."""

raise SystemExit("imported")
