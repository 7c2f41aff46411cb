"""The scripted expert: a feedback law from a put-on-plate world's current state to the 7-D action."""
