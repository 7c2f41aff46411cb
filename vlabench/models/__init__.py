"""The compact vision-language-action model: what it reads, how it acts, and its file."""
