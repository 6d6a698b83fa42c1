"""How Baseten speaks: the only place with HTTP."""
