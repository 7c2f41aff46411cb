"""vlabench: how robust a vision-language-action policy is, measured on paired episodes."""

__version__ = "0.1.0"
