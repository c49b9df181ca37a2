"""Data as the steps keep it: reading what people have, dealing it out, and the folders it ends up in."""
