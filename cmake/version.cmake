# The version is said once, in include/tutti/version.h.
file(STRINGS include/tutti/version.h lines REGEX "#define TUTTI_(MAJOR|MINOR|PATCH) ")
string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
list(JOIN numbers "." version)
