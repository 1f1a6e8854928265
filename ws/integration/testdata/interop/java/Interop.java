import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.java_websocket.WebSocket;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.drafts.Draft;
import org.java_websocket.drafts.Draft_6455;
import org.java_websocket.enums.Opcode;
import org.java_websocket.extensions.permessage_deflate.PerMessageDeflateExtension;
import org.java_websocket.handshake.ClientHandshake;
import org.java_websocket.handshake.ServerHandshake;
import org.java_websocket.protocols.IProtocol;
import org.java_websocket.protocols.Protocol;
import org.java_websocket.server.WebSocketServer;

/** The other end of the interoperability test on Java-WebSocket. */
public class Interop {
    static final String BIG = "gr\u00fc\u00dfe, \u4e16\u754c ".repeat(20000);

    static Draft draft(String... protocols) {
        List<IProtocol> list = new ArrayList<>();
        for (String p : protocols) {
            list.add(new Protocol(p));
        }
        list.add(new Protocol(""));
        return new Draft_6455(List.of(new PerMessageDeflateExtension()), list);
    }

    static class Client extends WebSocketClient {
        final StringBuilder seen = new StringBuilder();
        final boolean talks;

        Client(String url, boolean talks, String... protocols) {
            super(URI.create(url), draft(protocols));
            this.talks = talks;
        }

        @Override
        public void onOpen(ServerHandshake handshake) {
            IProtocol p = getProtocol();
            seen.append(" open ").append(p == null || p.getProvidedProtocol().isEmpty() ? "-" : p.getProvidedProtocol());
            if (!talks) {
                return;
            }
            send("hello");
            send(new byte[] {1, 2, (byte) 255});
            send(BIG);
            sendFragmentedFrame(Opcode.TEXT, ByteBuffer.wrap("in ".getBytes(StandardCharsets.UTF_8)), false);
            sendFragmentedFrame(Opcode.TEXT, ByteBuffer.wrap("pieces".getBytes(StandardCharsets.UTF_8)), true);
            send("last");
        }

        @Override
        public void onMessage(String message) {
            seen.append(message.equals(BIG) ? " big" : " text:" + message.replace(' ', '_'));
            if (message.equals("last")) {
                close(4001, "over");
            }
        }

        @Override
        public void onMessage(ByteBuffer message) {
            seen.append(" binary:").append(message.remaining());
        }

        @Override
        public void onClose(int code, String reason, boolean remote) {
            seen.append(" close:").append(code).append(remote ? ":" + reason : "");
        }

        @Override
        public void onError(Exception error) {
            System.err.println(error);
        }
    }

    static class Server extends WebSocketServer {
        Server(String host, int port) {
            super(new InetSocketAddress(host, port), List.of(draft("chat")));
        }

        @Override
        public void onStart() {}

        @Override
        public void onOpen(WebSocket socket, ClientHandshake handshake) {}

        @Override
        public void onMessage(WebSocket socket, String message) {
            switch (message) {
                case "bye" -> socket.close(4003, "as asked");
                case "pieces" -> {
                    socket.sendFragmentedFrame(Opcode.TEXT, ByteBuffer.wrap("in ".getBytes(StandardCharsets.UTF_8)), false);
                    socket.sendFragmentedFrame(Opcode.TEXT, ByteBuffer.wrap("pieces".getBytes(StandardCharsets.UTF_8)), true);
                }
                default -> socket.send(message);
            }
        }

        @Override
        public void onMessage(WebSocket socket, ByteBuffer message) {
            socket.send(message);
        }

        @Override
        public void onClose(WebSocket socket, int code, String reason, boolean remote) {
            System.out.println("closed " + code + " " + reason);
        }

        @Override
        public void onError(WebSocket socket, Exception error) {
            System.err.println(error);
        }
    }

    static void run(String name, Client client, String proxy) {
        if (!proxy.isEmpty()) {
            String[] at = proxy.split(":");
            client.setProxy(new Proxy(Proxy.Type.HTTP, new InetSocketAddress(at[0], Integer.parseInt(at[1]))));
        }
        client.run();
        System.out.println(name + client.seen);
    }

    public static void main(String[] args) {
        if (args[0].equals("server")) {
            new Server(args[1], Integer.parseInt(args[2])).run();
            return;
        }
        String url = args[1];
        run("echo:", new Client(url + "/echo", true, "superchat", "chat"), "");
        run("bye:", new Client(url + "/bye", false), "");
        run("refused:", new Client(url + "/refused", false), "");
        run("proxy:", new Client(args[3] + "/bye", false), args[2]);
        System.exit(0);
    }
}
