not found
