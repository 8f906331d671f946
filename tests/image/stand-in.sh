#!/bin/sh
# Gives Debian's Python the layout that the Dockerfile's base has: all of it under /usr/local, with pip beside it.
set -eu
root=$1
library=usr/local/lib/python3.13
cp -a "$root/usr/lib/python3.13/." "$root/$library/"
rm -r "$root/usr/lib/python3.13"
mv "$root/usr/bin/python3.13" "$root/usr/local/bin/python3.13"
ln -s python3.13 "$root/usr/local/bin/python3"
ln -s python3.13 "$root/usr/local/bin/python"
# Debian's Python looks for what was installed later under another name
rm -r "$root/$library/dist-packages"
mkdir "$root/$library/site-packages"
ln -s site-packages "$root/$library/dist-packages"
(cd "$root" && chroot . python3 -m zipfile -e usr/share/python-wheels/pip-*.whl "$library/site-packages")
cat > "$root/usr/local/bin/pip" <<'END'
#!/usr/local/bin/python3.13
from pip._internal.cli.main import main
raise SystemExit(main())
END
chmod 755 "$root/usr/local/bin/pip"
chroot "$root" pip --version
# neither has the base any bytecode, nor a second copy of pip
rm -r "$root/usr/share/python-wheels"
find "$root/usr" -name __pycache__ -prune -exec rm -r {} +
