"""Carries runs to systems that take people: only differences go, each person is known, nothing is done twice."""
