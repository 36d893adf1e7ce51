"""All names that a third-party collector needs: `from sneeuwbal.contract import Kind, Page, ...`.

The contract itself, the records that a collector gives, what it declares of people, and the wire under httpx.
"""

from collectors.base import *  # noqa: F403
from collectors.wire.http import retry_at as retry_at
from collectors.wire.oauth import NoAnswer as NoAnswer
from collectors.wire.oauth import renewed as renewed
from collectors.wire.oauth import token_of as token_of
from collectors.wire.transports import Transport as Transport
from storage.privacy.declared import Field as Field
from storage.privacy.declared import Handles as Handles
from storage.privacy.declared import Personal as Personal
from storage.records import *  # noqa: F403
from storage.searches import Search as Search
from storage.searches import search_of as search_of
