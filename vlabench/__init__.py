"""vlabench: how robust a vision-language-action policy is, measured on paired episodes."""

from vlabench import arithmetic

__version__ = "0.1.0"

arithmetic.choose()  # before NumPy is loaded, which reads the choice once
