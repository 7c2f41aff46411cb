"""How policies behind a server are asked: the protocols, and what is sent and taken in each."""
