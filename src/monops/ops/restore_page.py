"""RESTORE.md: how to restore by hand, kept in the store itself."""

TEXT = """# How to restore without monops

This is a monops store, format 1. Every object is a plain tar archive, compressed with zstd (`.tar.zst`), gzip
(`.tar.gz`) or not at all (`.tar`), and encrypted with age if its name ends in `.age`. You need `tar`, `zstd`, and for
encrypted objects `age` and your key. In an S3 bucket, copy the prefix to a folder first, or the files named below.

## 1. Choose a snapshot

Each file in `snapshots/` is one snapshot; its name begins with the time, in UTC. It is JSON. In it, `sources` lists
what was backed up, and each source's `objects` lists the files that make it up.

## 2. Unpack every object of a source into one empty folder

```sh
SNAPSHOT=snapshots/20261123T010203Z-host-ab12.json      # the one you chose
SOURCE=prometheus                                       # or grafana, alertmanager, config
mkdir restored
python3 -c 'import json, sys
for source in json.load(open(sys.argv[1]))["sources"]:
    if source["name"] == sys.argv[2]:
        print(*source["objects"], sep="\\n")' "$SNAPSHOT" "$SOURCE" | while read -r object; do
  case "$object" in
    *.tar.zst.age) age -d -i key.txt "$object" | zstd -dc | tar -xf - --numeric-owner -C restored ;;
    *.tar.gz.age)  age -d -i key.txt "$object" | gzip -dc | tar -xf - --numeric-owner -C restored ;;
    *.tar.age)     age -d -i key.txt "$object" | tar -xf - --numeric-owner -C restored ;;
    *.tar.zst)     zstd -dc "$object" | tar -xf - --numeric-owner -C restored ;;
    *.tar.gz)      gzip -dc "$object" | tar -xf - --numeric-owner -C restored ;;
    *.tar)         tar -xf "$object" --numeric-owner -C restored ;;
  esac || echo "FAILED: $object"
done
```

Without Python, open the snapshot's file and unpack the objects one by one. Run `tar` as root, so that the owners are
kept. To check an object first: `sha256sum` must print the `sha256` that the snapshot's file has for it.

## 3. Put it in place

Stop the service. Move everything in its volume aside, also `wal/` and `chunks_head/` of Prometheus, and
`grafana.db-wal`, `grafana.db-shm` and `grafana.db-journal` of Grafana: mixed with restored data they would damage it.
Move the content of `restored` in, give the volume's top folder the owner and mode that the snapshot's file names
(`uid`, `gid`, `mode`), and start the service. Prometheus deletes blocks
that are older than its retention, counted from the newest block.
"""
