# Real container runtimes for tests: a bash library (source it). Docker, containerd and Podman each get folders, sockets
# and pid files of their own below one temporary folder, so that whatever else runs on the machine stays untouched.
# Needs root. No network, no registry: the image is made here from the host's own programs.
#
#   source tests/support/runtimes.sh
#   rt_init                           # makes $RT_DIR; rt_cleanup runs at exit
#   rt_start_dockerd  && rt_docker run --rm -t gyr-test sh -c true
#   rt_start_containerd && rt_ctr run -d "$RT_CTR_IMAGE" k1 sleep 100
#   rt_start_podman_service           # only for tests of Podman's API; `rt_podman` works without
#   rt_podman run -d --name p1 gyr-test sleep 100
#   rt_cleanup                        # containers, daemons (by pid), mounts, folder
#
# Variables after the start: RT_DIR, RT_DOCKER_SOCKET, RT_DOCKER_ROOT, RT_DOCKER_EXEC_ROOT, RT_CONTAINERD_SOCKET,
# RT_CONTAINERD_STATE, RT_CONTAINERD_ROOT, RT_PODMAN_SOCKET, RT_PODMAN_ROOT, RT_PODMAN_RUNROOT.
#
# The image gyr-test:latest ($RT_CTR_IMAGE for ctr): /bin/sh and /bin/ash are dash (every command is an execve; a
# busybox shell would run its applets without one), /bin/bash is bash, the rest hard links to a static busybox, /bin/su
# a set-user-id copy of it. Users root, app (1000, group app, member of staff) and build (1001, no group entry).

RT_CTR_IMAGE=docker.io/library/gyr-test:latest

rt_have() { # rt_have docker|containerd|podman: are the programs there?
  case $1 in
    docker) command -v dockerd >/dev/null && command -v docker >/dev/null && command -v containerd >/dev/null ;;
    containerd) command -v containerd >/dev/null && command -v ctr >/dev/null && command -v runc >/dev/null ;;
    podman) command -v podman >/dev/null && command -v runc >/dev/null ;;
    *) return 1 ;;
  esac && [ "$(id -u)" = 0 ] && [ -x /bin/busybox ]
}

rt_init() {
  [ "$(id -u)" = 0 ] || { echo "runtimes.sh: needs root" >&2; return 1; }
  RT_DIR=$(mktemp -d /tmp/gyr-rt.XXXXXX) || return 1
  RT_PIDS=()
  RT_DOCKER_SOCKET=$RT_DIR/docker.sock RT_DOCKER_ROOT=$RT_DIR/docker RT_DOCKER_EXEC_ROOT=$RT_DIR/docker-exec
  RT_CONTAINERD_SOCKET=$RT_DIR/containerd.sock RT_CONTAINERD_ROOT=$RT_DIR/containerd RT_CONTAINERD_STATE=$RT_DIR/containerd-state
  RT_PODMAN_SOCKET=$RT_DIR/podman.sock RT_PODMAN_ROOT=$RT_DIR/podman RT_PODMAN_RUNROOT=$RT_DIR/podman-run
  trap rt_cleanup EXIT
}

# Waits until a command succeeds; gives up when the daemon (pid) is gone or after three minutes.
rt_wait_for() { # rt_wait_for PID COMMAND...
  local pid=$1 begin=$SECONDS
  shift
  while ((SECONDS - begin < 180)); do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}

# The root of the image, in a folder of its own.
rt_make_root() { # rt_make_root FOLDER
  local root=$1 file target
  mkdir -p "$root"/{bin,etc,tmp,proc,dev,sys,root,home/app,lib,lib64,usr/bin,usr/sbin,var/tmp} || return 1
  chmod 1777 "$root/tmp" "$root/var/tmp"
  cp /bin/busybox "$root/bin/busybox"
  "$root/bin/busybox" --install "$root/bin" || return 1
  rm -f "$root"/bin/{sh,ash,bash,hush,su}
  cp /bin/busybox "$root/bin/su" && chmod 4755 "$root/bin/su"
  cp /bin/dash "$root/bin/dash" && ln "$root/bin/dash" "$root/bin/sh" && ln "$root/bin/dash" "$root/bin/ash"
  cp /bin/bash "$root/bin/bash"
  # The libraries these two name, at the paths they name them.
  for file in /bin/dash /bin/bash; do
    for target in $(ldd "$file" | grep -o '/[^ ]*'); do
      mkdir -p "$root$(dirname "$target")" && cp -L "$target" "$root$target"
    done
  done
  printf '%s\n' root:x:0:0:root:/root:/bin/sh app:x:1000:1000:Application:/home/app:/bin/sh \
    build:x:1001:1001::/home/build:/bin/false >"$root/etc/passwd"
  printf '%s\n' root:x:0: staff:x:50:app app:x:1000: >"$root/etc/group"
}

# An image archive in Docker's format, which all three runtimes load.
rt_image_archive() {
  [ -f "$RT_DIR/image.tar" ] && return 0
  local target digest
  rt_make_root "$RT_DIR/image/rootfs" || return 1
  (
    cd "$RT_DIR/image" || exit 1
    tar -C rootfs -cf layer.tar . || exit 1
    digest=$(sha256sum layer.tar | cut -d' ' -f1)
    mkdir "$digest" && mv layer.tar "$digest/layer.tar"
    printf '{"architecture":"%s","os":"linux","created":"2024-01-01T00:00:00Z","config":{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"],"Labels":{"org.gyr.test":"yes"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"2024-01-01T00:00:00Z"}]}' \
      "$(case $(uname -m) in aarch64) echo arm64 ;; *) echo amd64 ;; esac)" "$digest" >config.json
    target=$(sha256sum config.json | cut -d' ' -f1)
    mv config.json "$target.json"
    printf '[{"Config":"%s.json","RepoTags":["gyr-test:latest"],"Layers":["%s/layer.tar"]}]' "$target" "$digest" >manifest.json
    tar -cf "$RT_DIR/image.tar" manifest.json "$target.json" "$digest/layer.tar"
  ) || return 1
  rm -rf "$RT_DIR/image"
}

rt_start_dockerd() { # further arguments go to dockerd
  rt_image_archive || return 1
  dockerd --data-root "$RT_DOCKER_ROOT" --exec-root "$RT_DOCKER_EXEC_ROOT" --pidfile "$RT_DIR/docker.pid" \
    --host "unix://$RT_DOCKER_SOCKET" --iptables=false --bridge=none "$@" >"$RT_DIR/dockerd.log" 2>&1 &
  RT_DOCKERD_PID=$!
  RT_PIDS+=("$RT_DOCKERD_PID")
  rt_wait_for "$RT_DOCKERD_PID" rt_docker version || { tail -n 5 "$RT_DIR/dockerd.log" >&2; return 1; }
  rt_docker load -q -i "$RT_DIR/image.tar" >/dev/null
}
rt_docker() { DOCKER_CONFIG=$RT_DIR/docker-config docker -H "unix://$RT_DOCKER_SOCKET" "$@"; }

rt_start_containerd() {
  rt_image_archive || return 1
  cat >"$RT_DIR/containerd.toml" <<END
version = 2
root = "$RT_CONTAINERD_ROOT"
state = "$RT_CONTAINERD_STATE"
[grpc]
  address = "$RT_CONTAINERD_SOCKET"
[ttrpc]
  address = "$RT_DIR/containerd.ttrpc"
END
  printf '%s\n' "${RT_CONTAINERD_MORE:-}" >>"$RT_DIR/containerd.toml" # further tables, by the environment
  containerd --config "$RT_DIR/containerd.toml" >"$RT_DIR/containerd.log" 2>&1 &
  RT_CONTAINERD_PID=$!
  RT_PIDS+=("$RT_CONTAINERD_PID")
  rt_wait_for "$RT_CONTAINERD_PID" rt_ctr version || { tail -n 5 "$RT_DIR/containerd.log" >&2; return 1; }
  rt_ctr image import "$RT_DIR/image.tar" >/dev/null
}
rt_ctr() { ctr -a "$RT_CONTAINERD_SOCKET" "$@"; }

# Podman's limits are fixed low: the defaults need CAP_SYS_RESOURCE. runc, as crun refuses hybrid cgroups.
rt_podman() {
  rt_image_archive || return 1
  if [ ! -f "$RT_DIR/containers.conf" ]; then
    printf '%s\n' '[containers]' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]' 'netns = "none"' \
      '[engine]' 'cgroup_manager = "cgroupfs"' 'events_logger = "file"' 'runtime = "runc"' >"$RT_DIR/containers.conf"
    rt_podman_raw load -q -i "$RT_DIR/image.tar" >/dev/null || return 1
  fi
  rt_podman_raw "$@"
}
rt_podman_raw() {
  CONTAINERS_CONF=$RT_DIR/containers.conf podman --root "$RT_PODMAN_ROOT" --runroot "$RT_PODMAN_RUNROOT" \
    --tmpdir "$RT_DIR/podman-tmp" --storage-driver overlay "$@"
}
rt_start_podman_service() {
  rt_podman info >/dev/null || return 1 # loads the image
  rt_podman_raw system service --time=0 "unix://$RT_PODMAN_SOCKET" >"$RT_DIR/podman.log" 2>&1 &
  local pid=$!
  RT_PIDS+=("$pid")
  rt_wait_for "$pid" test -S "$RT_PODMAN_SOCKET"
}

rt_cleanup() {
  trap - EXIT
  [ -n "${RT_DIR:-}" ] && [ -d "$RT_DIR" ] || return 0
  local id pid i mount
  if [ -n "${RT_DOCKERD_PID:-}" ]; then
    id=$(rt_docker ps -aq 2>/dev/null)
    [ -n "$id" ] && rt_docker rm -f $id >/dev/null 2>&1
  fi
  if [ -n "${RT_CONTAINERD_PID:-}" ]; then
    for id in $(rt_ctr task ls -q 2>/dev/null); do rt_ctr task rm -f "$id" >/dev/null 2>&1; done
    for id in $(rt_ctr container ls -q 2>/dev/null); do rt_ctr container rm "$id" >/dev/null 2>&1; done
  fi
  [ -f "$RT_DIR/containers.conf" ] && rt_podman_raw rm -fa -t 0 >/dev/null 2>&1
  # Nothing is left that dockerd would have to put in order, and when asked it takes a second to go.
  [ -n "${RT_DOCKERD_PID:-}" ] && kill -9 "$RT_DOCKERD_PID" 2>/dev/null
  for pid in "${RT_PIDS[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${RT_PIDS[@]}"; do
    for ((i = 0; i < 200; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  # What is left of daemons' children (a shim, a daemon's own containerd) names this folder on its command line.
  for pid in $(grep -slF -- "$RT_DIR/" /proc/[0-9]*/cmdline); do
    pid=${pid#/proc/} pid=${pid%/cmdline}
    [ "$pid" = $$ ] && continue
    case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in
      *containerd*"$RT_DIR/"* | *conmon*"$RT_DIR/"*) kill -9 "$pid" 2>/dev/null ;;
    esac
  done
  for mount in $(awk -v d="$RT_DIR/" 'index($2, d) == 1 {print $2}' /proc/self/mounts | sort -r); do umount -l "$mount" 2>/dev/null; done
  rm -rf "$RT_DIR"
  RT_PIDS=() RT_DOCKERD_PID='' RT_CONTAINERD_PID=''
}
