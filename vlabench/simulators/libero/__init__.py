"""LIBERO: hf-libero's tasks and goals on robosuite's Panda, with generated or official assets.

What is not obvious about it:
- init states hold joints only; fixtures are placed when a scene is opened, from seed 0, and stay for all episodes;
- robosuite's pictures come upside down; both axes are flipped, as published policies expect;
- every episode starts with 10 steps of a null action with an open gripper, which perturbations do not touch;
- an episode ends with the first step at which the goal holds.
"""
