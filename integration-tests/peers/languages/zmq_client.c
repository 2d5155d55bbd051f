/* A client on REQ: send standard input as a message, so many times one after the other, and print the last reply. */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#define MOST (8 << 20)

int main(int count, char **arguments) {
    if (count != 3) return 2;
    char *message = malloc(MOST), *reply = malloc(MOST);
    size_t size = fread(message, 1, MOST, stdin);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REQ);
    if (zmq_connect(socket, arguments[1])) return 1;
    int received = 0;
    for (int times = atoi(arguments[2]); times > 0; times--) {
        if (zmq_send(socket, message, size, 0) < 0) return 1;
        received = zmq_recv(socket, reply, MOST, 0);
        if (received < 0) return 1;
        int more;
        size_t length = sizeof more;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length);
        if (more) return 1;
    }
    fwrite(reply, 1, received, stdout);
    zmq_close(socket);
    zmq_ctx_term(context);
    return 0;
}
