"""The secure session: Noise handshake, sealed frames, keys and roles, and what unauthenticated traffic may cost."""
