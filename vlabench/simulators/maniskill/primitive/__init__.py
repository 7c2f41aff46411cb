"""The pack `primitive`: robot, things and pictures made from our own code, cheap to draw on a CPU."""
