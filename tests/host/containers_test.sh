#!/bin/bash
# Real Docker, containerd and Podman: what the containers module finds out about their containers, with what lies on
# disk alone, with sockets alone, and before a container's first process runs. usage: containers_test.sh PROBE
# Exit status 77: cannot be run here (no root, no runtime).
cd "$(dirname "$0")/../.." || exit 1
source tests/support/runtimes.sh
probe=$1 failures=0
rt_have docker && rt_have containerd && rt_have podman || { echo "needs root, docker, containerd, podman and busybox-static"; exit 77; }
rt_init || exit 77

# expect TEXT-OF-PROBE KEY=VALUE...: each line is there
expect() {
  local text=$1 line
  shift
  for line in "$@"; do
    grep -qxF -- "$line" <<<"$text" || { echo "FAIL ($case): expected '$line' in:"; sed 's/^/    /' <<<"$text"; failures=$((failures + 1)); return; }
  done
  echo "ok: $case"
}
expect_match() { grep -qE -- "$2" <<<"$1" || { echo "FAIL ($case): nothing like '$2'"; failures=$((failures + 1)); }; }

rt_start_dockerd || exit 1
rt_docker run -d --name web -l tier=front -v /srv:/data:ro gyr-test sleep 1000 >/dev/null || exit 1
pid=$(rt_docker inspect -f '{{.State.Pid}}' web)
id=$(rt_docker inspect -f '{{.Id}}' web)
common=(belongs=container "full_id=$id" why=none name=web image=gyr-test repository=gyr-test tag=latest type=docker
  privileged=false label:tier=front mount:/data=/srv:ro user:0=root:container user:1000=app:container user:65000=:)

case="docker, root configured"
expect "$("$probe" --docker-root "$RT_DOCKER_ROOT" "$pid")" "${common[@]}" source=docker-disk layers=3
case="docker, found through the shim's folder"
expect "$("$probe" "$pid")" "${common[@]}" source=docker-disk
case="docker, socket only"
expect "$("$probe" --no-disk --no-hints --docker-socket "$RT_DOCKER_SOCKET" "$pid")" "${common[@]}" source=docker-api
case="docker, nobody to ask"
expect "$("$probe" --no-disk --no-hints "$pid")" belongs=container why=no_runtime user:1000=app:container

case="docker, known before its first process"
id=$(rt_docker create --name later gyr-test true)
expect "$("$probe" --docker-root "$RT_DOCKER_ROOT" --wait-known "$id")" watching name=later image=gyr-test source=docker-disk

case="docker, shim and daemon are the host's"
shim=$(awk '{print $4}' "/proc/$pid/stat")
expect "$("$probe" "$shim" "$RT_DOCKERD_PID")" belongs=host

rt_start_containerd || exit 1
rt_ctr run -d --label team=blue "$RT_CTR_IMAGE" k1 sleep 1000 || exit 1
pid=$(rt_ctr task ls | awk '$1 == "k1" {print $2}')
case="containerd, through the shim's command line"
text=$("$probe" "$pid")
expect "$text" belongs=container full_id=k1 why=none name=k1 "image=$RT_CTR_IMAGE" repository=docker.io/library/gyr-test tag=latest \
  type=containerd label:team=blue user:1000=app:container
expect_match "$text" '^digest=sha256:[0-9a-f]{64}$'
case="containerd, configured, without hints"
expect "$("$probe" --no-hints --containerd-state "$RT_CONTAINERD_STATE" --containerd-socket "$RT_CONTAINERD_SOCKET" "$pid")" \
  why=none name=k1 "image=$RT_CTR_IMAGE" "rootfs=$RT_CONTAINERD_STATE/io.containerd.runtime.v2.task/default/k1/rootfs"

rt_podman run -d --name p1 -l tier=back gyr-test sleep 1000 >/dev/null || exit 1
pid=$(rt_podman inspect -f '{{.State.Pid}}' p1)
case="podman, through conmon's command line"
expect "$("$probe" "$pid")" belongs=container why=none name=p1 image=localhost/gyr-test:latest type=podman privileged=false \
  user:1000=app:container source=podman-disk
case="podman, root configured"
expect "$("$probe" --no-hints --podman-root "$RT_PODMAN_ROOT" "$pid")" why=none name=p1 type=podman
rt_start_podman_service || exit 1
case="podman, service"
expect "$("$probe" --no-disk --no-hints --podman-socket "$RT_PODMAN_SOCKET" "$pid")" why=none name=p1 type=podman label:tier=back source=podman-api

case="conmon is the host's"
conmon=$(awk '{print $4}' "/proc/$pid/stat")
expect "$("$probe" "$conmon")" belongs=host

rt_cleanup
[ "$failures" = 0 ] || { echo "$failures failed"; exit 1; }
