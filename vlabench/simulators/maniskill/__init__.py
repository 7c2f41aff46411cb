"""ManiSkill: RL4VLA's put-on-plate scenes on sapien, ManiSkill's engine: a WidowX that puts an object on a plate.

What is not obvious about it:
- a gripper of +1 opens and −1 closes, the opposite of LIBERO; actions are metres and radians, and noise and policies
  count them in units, half of BridgeData V2's range;
- an action moves the hand's *target*, from which inverse kinematics find the joints' targets: what is not reached in
  one step is not forgotten in the next;
- a world is built anew for every episode (4 ms): PhysX remembers contacts, and a state that is written back, even an
  object's own pose to itself, changes the last bits of what follows;
- the robot waits a metre above its place while things fall, as in RL4VLA's environment;
- an episode runs its 80 steps whatever happens, and what holds after the last one counts;
- a copy of the robot's URDF without its SRDF beside it collides with itself, jitters, and repeats nothing.
"""
