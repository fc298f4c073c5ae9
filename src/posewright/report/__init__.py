"""One HTML page that carries the answer, what it rests on, and the frames to look at."""
