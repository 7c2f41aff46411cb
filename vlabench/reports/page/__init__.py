"""`vlabench report`: records → one HTML page that needs nothing else. Workers import parts of it: it imports none."""
