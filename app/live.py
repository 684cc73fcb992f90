"""The one warm process that answers the pages of this server: pictures, counts, a look inside."""

from backends.api.live import Live

LIVE = Live()
