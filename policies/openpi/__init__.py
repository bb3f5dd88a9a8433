"""openpi's policy protocol, both ends: WebSocket, msgpack, one observation in, one chunk out."""
