"""LIBERO: hf-libero's tasks and goals on robosuite's Panda, with generated or official assets.

What is not obvious about it:
- init states hold joints only; fixtures (cabinet, stove, rack) stand where the published loop has them in episode k: at
  the (k + 1)-th reset after `seed(0)`, a centimetre or two from where they stood before;
- with MuJoCo 3.4 and newer the bowl of libero_spatial/5 slides off its ramekin on LIBERO's own assets;
- robosuite's pictures come upside down; both axes are flipped, as published policies expect;
- every episode starts with 10 steps of a null action with an open gripper, which perturbations do not touch;
- an episode ends with the first step at which the goal holds.
"""
