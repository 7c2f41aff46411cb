"""Loss terms that training methods put together."""
