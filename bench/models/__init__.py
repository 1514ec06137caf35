"""Models: adapters that answer through a capability."""
