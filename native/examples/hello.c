/* Connects, sends a message and prints the answer of hello.mjs. */
#include <entropynet.h>
#include <stdio.h>

int main(void) {
  en_connection *connection;
  en_message answer;
  if (en_connect("hello", NULL, &connection)) {
    fprintf(stderr, "%s\n", en_last_error()->message);
    return 1;
  }
  en_send(connection, EN_DEFAULT_CHANNEL, "Hello from C", 12, 1000);
  while (en_receive(connection, EN_DEFAULT_CHANNEL, &answer) == EN_WOULD_BLOCK) en_wait(connection, -1);
  printf("%.*s\n", (int)answer.length, (const char *)answer.bytes);
  en_disconnect(connection, 1000);
  en_connection_free(connection);
  return 0;
}
