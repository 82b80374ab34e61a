# shellcheck shell=sh
# Part of engine.sh: iptables, and the way out to other machines.

# dpkg -x leaves out the links that the package's installation would have made.
link_iptables() { # link_iptables DIR
    native=$(readlink "$1/root")
    native=${native%/root}/native
    libraries=$(echo "$native"/usr/lib/*-linux-*)
    for kind in nft legacy; do
        program=$native/usr/sbin/xtables-$kind-multi
        [ -x "$program" ] || continue
        for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
            ln -sf "$program" "$1/bin/$name"
        done
        # Which of the two the kernel has, only trying tells.
        if LD_LIBRARY_PATH=$libraries XTABLES_LIBDIR=$libraries/xtables unshare -n "$1/bin/iptables" -t nat -S >/dev/null 2>&1; then return; fi
    done
    fail 'neither kind of iptables works here' "look at: iptables -t nat -S"
}

# The way out for an engine is one pair of interfaces, its address translation, and nothing of the system Docker's.
plan_uplink() { # plan_uplink DIR: its interface here, both addresses, and what ip_forward was
    sum=$(printf '%s' "$1" | cksum | cut -d' ' -f1)
    third=$((sum / 64 % 256))
    fourth=$((sum % 64 * 4))
    printf '%s %s %s %s\n' "$uplink_prefix$((sum % 100000000))" "10.213.$third.$((fourth + 1))" "10.213.$third.$((fourth + 2))" \
        "$(cat /proc/sys/net/ipv4/ip_forward)" >"$1/uplink"
}

uplink_prefix=dsu

uplink_rules() { # uplink_rules ACTION INTERFACE ADDRESS: -I or -D
    iptables -w -t nat "$1" POSTROUTING -s "$3" ! -o "$2" -j MASQUERADE &&
        iptables -w "$1" FORWARD -i "$2" -j ACCEPT &&
        iptables -w "$1" FORWARD -o "$2" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
}

connect_uplink() { # connect_uplink DIR
    read -r interface near far _ <"$1/uplink"
    "$1/root/busybox" ip address add "$near/30" dev "$interface" &&
        "$1/root/busybox" ip link set "$interface" up &&
        uplink_rules -I "$interface" "$far" &&
        echo 1 >/proc/sys/net/ipv4/ip_forward
}

disconnect_uplink() { # disconnect_uplink DIR
    read -r interface _ far forward <"$1/uplink"
    while uplink_rules -D "$interface" "$far" 2>/dev/null; do :; done
    "$1/root/busybox" ip link delete "$interface" 2>/dev/null || :
    # Whoever else needs forwarding by now keeps it.
    if [ "$forward" = 0 ] && [ ! -e /sys/class/net/docker0 ]; then
        for other in /sys/class/net/"$uplink_prefix"*; do
            [ ! -e "$other" ] || return 0
        done
        echo 0 >/proc/sys/net/ipv4/ip_forward
    fi
}
