"""A number where an optimizer should be, a hook that does not exist, and a namespace that works."""

import mxcore as mx

NUMBER = 3


class Watch:
    @mx.hooks.hookimpl
    def mxcore_after_stop(self):
        pass
