"""The scripted expert: a feedback controller from privileged state to the 7-D action, for all 40 tasks."""
