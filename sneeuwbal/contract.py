"""What a collector of somebody else's is written with: `from sneeuwbal.contract import Kind, Page, ...`.

The contract itself and the records that a collector gives, from `collectors.base` and `storage.records`.
"""

from collectors.base import *  # noqa: F403
from storage.records import *  # noqa: F403
