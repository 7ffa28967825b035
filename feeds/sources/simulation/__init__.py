"""A city in motion, made up from its timetable: a pure function of timetable, seed and time."""
