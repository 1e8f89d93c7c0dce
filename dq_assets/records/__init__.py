"""Records, enums, ids and protocols: the ground every layer stands on."""
