"""Rules: what can be tested, how it is asked in SQL, what the answer means, which tests to propose. Pure."""
