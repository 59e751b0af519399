"""The commands this plugin adds; each module is a group, built when it is used."""
