"""What servers say of their settings: one reader a file, found by its name, because a later process asks again."""
