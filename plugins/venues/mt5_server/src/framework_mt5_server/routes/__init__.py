"""The routes, by what they are about; all of them stand behind the door."""
