import java.nio.ByteBuffer;
import java.time.Duration;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** An echo server that speaks HTTP/2 with prior knowledge; it prints its URL. */
public class Jetty {
    public static class Echo implements Session.Listener {
        private Session session;

        @Override
        public void onWebSocketOpen(Session session) {
            this.session = session;
            session.demand();
        }

        @Override
        public void onWebSocketText(String message) {
            session.sendText(message, Callback.from(session::demand, Throwable::printStackTrace));
        }

        @Override
        public void onWebSocketBinary(ByteBuffer message, Callback callback) {
            session.sendBinary(message, Callback.from(() -> {
                callback.succeed();
                session.demand();
            }, callback::fail));
        }
    }

    public static void main(String[] args) throws Exception {
        Server server = new Server();
        HttpConfiguration config = new HttpConfiguration();
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(config), new HTTP2CServerConnectionFactory(config));
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(WebSocketUpgradeHandler.from(server, container -> {
            container.setMaxTextMessageSize(64 << 20);
            container.setMaxBinaryMessageSize(64 << 20);
            container.setIdleTimeout(Duration.ofMinutes(1));
            container.addMapping("/*", (request, response, callback) -> {
                if (request.getSubProtocols().contains("echo")) {
                    response.setAcceptedSubProtocol("echo");
                }
                return new Echo();
            });
        }));
        server.start();
        System.out.println("ws://127.0.0.1:" + connector.getLocalPort() + "/");
        server.join();
    }
}
