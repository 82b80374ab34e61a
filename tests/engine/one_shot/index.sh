#!/bin/sh
# Usage: index.sh DIR NAME: prints an OCI archive with an index of images for two platforms, each of which has its
# platform in /platform. The program in it is this machine's in both.
set -eu
top=$1 name=$2

put() { # put FILE: makes it a blob, and prints what a descriptor says of it
    digest=$(sha256sum "$1" | cut -d' ' -f1)
    printf '"digest":"sha256:%s","size":%s' "$digest" "$(wc -c <"$1")"
    mv "$1" "$top/blobs/sha256/$digest"
}

type=application/vnd.oci.image
mkdir -p "$top/blobs/sha256" "$top/root/bin"
cp "$(command -v busybox)" "$top/root/bin/sh"
manifests=''
for architecture in amd64 arm64; do
    echo "linux/$architecture" >"$top/root/platform"
    tar -C "$top/root" -cf "$top/layer" .
    diff=$(sha256sum "$top/layer" | cut -d' ' -f1)
    printf '{"os":"linux","architecture":"%s","config":{"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$architecture" "$diff" >"$top/config"
    printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},"layers":[{"mediaType":"%s.layer.v1.tar",%s}]}' \
        "$type" "$type" "$(put "$top/config")" "$type" "$(put "$top/layer")" >"$top/manifest"
    manifests="$manifests,{\"mediaType\":\"$type.manifest.v1+json\",$(put "$top/manifest"),\"platform\":{\"os\":\"linux\",\"architecture\":\"$architecture\"}}"
done
printf '{"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[%s]}' "$type" "${manifests#,}" >"$top/inner"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.index.v1+json",%s,"annotations":{"io.containerd.image.name":"docker.io/library/%s:latest"}}]}' \
    "$type" "$(put "$top/inner")" "$name" >"$top/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$top/oci-layout"
tar -C "$top" -cf - blobs index.json oci-layout
