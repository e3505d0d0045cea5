"""Development only: baking people and training heads for the simulator."""
