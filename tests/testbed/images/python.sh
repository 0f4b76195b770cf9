# Debian's Python under the name of the official slim image: what the sample application runs in.
# shellcheck shell=bash disable=SC2034

recipe_packages=(python3-minimal libpython3-stdlib)
recipe_version_of=python3-minimal
recipe_changes=('CMD ["python3"]')

recipe_layout() { :; }
