"""What every room may use: files, text, messages, progress, and the machine's libraries."""
