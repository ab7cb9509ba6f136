"""Key-value stores on Ray, for mxcore: synchronous and asynchronous parameter servers."""

from mxcore_kvstore_ray.records import Lost
from mxcore_kvstore_ray.store import AsyncKVStore, SyncKVStore

__all__ = ["AsyncKVStore", "Lost", "SyncKVStore"]
