"""RL4VLA's put-on-plate scenes on sapien, the engine of ManiSkill: a WidowX that puts one of 25 objects on a plate."""
